"""What tests of this folder share."""

from tests.nodes.diffusion.tiny_models import (  # noqa: F401  # fixtures of the model files' tests
    no_network,
    tiny_sd1,
    tiny_sd1_file,
    tiny_sd1_folder,
    tiny_sd2,
    tiny_sd2_file,
)
