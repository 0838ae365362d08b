"""Training Pinhole, stage by stage; each reads and writes one folder, so that any stage can be run again.

    python -m nodes.pinhole.train tokenizer  --run RUN                     seconds
    python -m nodes.pinhole.train vae        --run RUN --steps 8000        both halves of the autoencoder
    python -m nodes.pinhole.train joint      --run RUN --steps 20000       text encoder, then the UNet with it
    python -m nodes.pinhole.train decoder    --run RUN --steps 1600        clean pictures from noisy latents
    python -m nodes.pinhole.train export     --run RUN --to weights        half precision, the shipped folder

`--init DIR` starts from the networks of a diffusers folder instead of from nothing (the encoder of its
autoencoder must stay: a UNet knows only the latents it was trained on). `joint` continues where it stopped.
"""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodes.pinhole.networks import Networks

STEPS = {"tokenizer": 0, "vae": 8000, "joint": 20000, "decoder": 1600, "export": 0}


def clock(text: str) -> float:
    """ "HH:MM", today or else tomorrow, as seconds since the epoch."""
    now = time.localtime()
    hours, minutes = map(int, text.split(":"))
    moment = time.mktime((now.tm_year, now.tm_mon, now.tm_mday, hours, minutes, 0, 0, 0, -1))
    return moment if moment > time.time() else moment + 24 * 3600


def arguments() -> argparse.Namespace:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("stage", choices=list(STEPS))
    parser.add_argument("--run", type=Path, required=True, help="the folder of this training run")
    parser.add_argument("--init", type=Path, help="a diffusers folder to start from")
    parser.add_argument("--steps", type=int, help=f"default: {STEPS}")
    parser.add_argument("--stop-at", type=clock, metavar="HH:MM", help="joint, decoder: be done by then")
    parser.add_argument("--pictures", type=int, default=60000, help="joint: how many training pictures")
    parser.add_argument("--batch", type=int, default=64, help="joint: pictures a step")
    parser.add_argument("--lr", type=float, help="the peak (1e-3; joint 1.5e-3, decoder 7e-4)")
    parser.add_argument("--to", type=Path, help="export: the folder to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="joint, decoder: processes of one thread each")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def networks_of(options: argparse.Namespace) -> "Networks":
    """The run's networks; else those to start from; else fresh ones."""
    from nodes.pinhole.networks import Networks
    from nodes.pinhole.vocabulary import load_tokenizer

    model = options.run / "model"
    if (model / "unet").exists():
        return Networks.load(model)
    if options.init:
        return Networks.load(options.init)
    return Networks.fresh(load_tokenizer(model / "tokenizer"))


def train_joint(options: argparse.Namespace) -> None:
    """In each of the processes."""
    import torch

    from nodes.pinhole.joint import OTHER_SIZES, Joint, Recipe, encoded

    torch.manual_seed(options.seed)
    networks = networks_of(options)
    cache = options.run / "cache"
    sizes = [encoded(networks, options.pictures, cache)]
    sizes += [encoded(networks, options.pictures // 30, cache, *size) for size in OTHER_SIZES]
    recipe = Recipe(options.steps, options.batch, options.lr or 1.5e-3)
    joint = Joint(networks, recipe, sizes, options.seed)
    if (options.run / "state.pt").exists():
        joint.load(options.run)
    else:
        for step, loss in enumerate(joint.warm_up(200, text=not options.init)):
            if step % 50 == 0:
                print(f"warm-up {step} {loss:.3f}", flush=True)
    joint.run(options.run, options.stop_at)


def train_decoder_of(options: argparse.Namespace) -> None:
    """In each of the processes."""
    from nodes.pinhole.autoencoder import train_decoder

    networks = networks_of(options)
    train_decoder(
        networks,
        options.steps,
        lambda: networks.save(options.run / "model"),
        lr=options.lr or 7e-4,
        seed=2 + options.seed,
        deadline=options.stop_at,
    )


def main() -> None:
    options = arguments()  # before torch is imported: --help answers at once
    if options.steps is None:
        options.steps = STEPS[options.stage]
    options.run.mkdir(parents=True, exist_ok=True)

    import torch

    from nodes.pinhole.autoencoder import train_autoencoder
    from nodes.pinhole.parallel import quicken, run_workers
    from nodes.pinhole.vocabulary import write_tokenizer

    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    quicken()
    if options.stage == "tokenizer":
        write_tokenizer(options.run / "model" / "tokenizer")
        return
    if options.stage == "joint":
        (options.run / "cache").mkdir(exist_ok=True)
        run_workers(options.workers, train_joint, options)
        return
    if options.stage == "decoder":
        run_workers(options.workers, train_decoder_of, options)
        return
    networks = networks_of(options)
    match options.stage:
        case "vae":
            train_autoencoder(networks, options.steps, lr=options.lr or 1e-3)
            networks.save(options.run / "model")
        case "export":
            networks.save(options.to, half=True)


if __name__ == "__main__":
    main()
