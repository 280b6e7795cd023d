"""`fer-zoo serve`: a page that classifies faces inside the browser, and the same models behind HTTP.

Writing the page to a folder needs the core install alone; the server needs the extra `serve`.
"""
