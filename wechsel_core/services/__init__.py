"""The only door for pages and command line: plain values in and out, with a progress callback."""
