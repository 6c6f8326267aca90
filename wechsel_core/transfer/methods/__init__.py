"""The methods, one file each: the file's name is the method's (``hf_default.py`` is ``hf-default``)."""
