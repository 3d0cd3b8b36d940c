"""Ways to search, replayed on runs that were trained once: which finds the best configuration?"""
