"""The models of every table of the configuration, one file a table. Defaults, ranges and descriptions live here only."""
