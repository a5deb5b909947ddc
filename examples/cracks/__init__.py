"""Cracks in asphalt: which loss for a class that is two pixels in a hundred?"""
