"""What a song sounds like in the browser: previews, peaks and what is drawn over them."""
