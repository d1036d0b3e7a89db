"""Sound files in, samples and technical numbers out; nothing here knows music theory or Dagster."""
