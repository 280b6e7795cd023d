"""Photos a second of `fer-zoo predict`, several checkouts side by side, beside the bare decoder and a peer."""
