"""Words about sound and who said them; nothing here measures sound or knows Dagster."""
