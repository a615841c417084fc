"""One procedure a file, each read top to bottom like the page an on-call engineer would follow."""
