"""The commands, one file each; nothing else prints, reads `sys.argv` or ends the process."""
