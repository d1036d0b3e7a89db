"""Commands of `flamingo-bark` that fill a module of their own; `cli` puts them together."""
