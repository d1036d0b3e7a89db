"""What each stored result was made from, and so which results are due; nothing here measures or writes results."""
