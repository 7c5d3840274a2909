"""What lies beside pictures and says which are good, and where defects are: tables, lists, boxes, outlines."""
