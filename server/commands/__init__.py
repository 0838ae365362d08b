"""One file for each command of `safelight`; each has `add(parsers)` and `main(arguments)`."""
