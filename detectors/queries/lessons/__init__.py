"""What the lessons compute: functions that run beside a fitted column and return plain values and numpy arrays."""
