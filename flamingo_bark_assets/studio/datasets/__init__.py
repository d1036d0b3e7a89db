"""The page of datasets: what they hold, what trainers need, exports."""
