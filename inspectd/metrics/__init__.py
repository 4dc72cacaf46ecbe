"""The daemon's figures for Prometheus, over HTTP.

`catalogue` names every metric and says what it means; `meters` counts what happens, `standing` reads how things stand
when somebody asks; `page` puts both together, `health` says in words whether all is well, `server` answers.
"""
