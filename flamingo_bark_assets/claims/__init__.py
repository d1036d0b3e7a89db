"""What a caption claims, whether the measurements bear it out, and a caption without what they contradict."""
