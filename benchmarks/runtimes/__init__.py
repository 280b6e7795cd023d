"""Every file of the zoo in every runtime that people run such files in."""
