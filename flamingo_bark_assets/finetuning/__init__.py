"""Fine-tuning Bark on an export, and speaking a prompt with the result."""
