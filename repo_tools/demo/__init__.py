"""The main job on one machine: a repository, a web server, twenty agents, three releases, one of them bad."""
