"""`fer-zoo serve`: a page that classifies faces inside the browser, and the same models behind HTTP.

Needs the core install alone; the page, its wasm runtime and the detector lie in this package.
"""
