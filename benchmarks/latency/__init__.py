"""Time for each query, cold start and memory of every artifact."""
