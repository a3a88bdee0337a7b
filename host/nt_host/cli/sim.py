"""`nt-host sim serve`: a simulated chip for other processes."""

from __future__ import annotations

from pathlib import Path

import click

from nt_hil.open import make_device
from nt_hil.port import SimPort
from nt_hil.serve import serve_pty, serve_tcp
from nt_host.cli.options import FILE, chosen_image, image_option, option
from nt_model.corner import corner_named
from nt_model.engine import ENGINES
from nt_model.image_file import read_image


@click.group()
def sim() -> None:
    """Simulated chips."""


@sim.command()
@image_option
@option("--corner", default="typical", help="Process corner: ideal, quiet, typical, slow, fast, wild, worn.")
@option("--seed", type=click.IntRange(0), default=0, help="Seed of the die.")
@option("--engine", type=click.Choice(ENGINES), default="c", help="Engine that computes the chip.")
@option("--nv", type=FILE, help="File that keeps what the chip commits; default: a memory that ends with the server.")
@option("--tcp", "tcp_port", type=click.IntRange(0, 65535), help="Serve on this TCP port of 127.0.0.1; 0 takes any.")
def serve(image: Path | None, corner: str, seed: int, engine: str, nv: Path | None, tcp_port: int | None) -> None:
    """Serve a simulated chip until interrupted, on a pty or with --tcp on a socket.

    The first line on stdout is what another nt-host takes as --port.
    """
    loaded = read_image(chosen_image(image))
    port = SimPort(corner_named(corner).name, seed, nv=None if nv is None else str(nv))
    device = make_device(loaded, port, engine=engine)
    if tcp_port is None:
        serve_pty(device)
    else:
        serve_tcp(device, port=tcp_port)
