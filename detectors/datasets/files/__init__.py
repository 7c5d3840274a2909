"""Files as they come: folders and ZIPs listed, what was sent kept on the disk and let go of."""
