"""What the app asks a worker: pictures at a glance; of a finished run why, what if, and what lessons show."""
