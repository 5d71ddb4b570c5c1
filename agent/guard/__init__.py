"""The dead-man: takes a trial back that nobody kept in time.

Armed before a switch, outside of what is changed. It needs the standard library, the file that armed it and a
link; neither TUF nor the journal.
"""
