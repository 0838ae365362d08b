"""What differs between families of models, one module per family, and only that."""

from nodes.diffusion.families import sd1, sd2
from nodes.diffusion.families.family import Family

FAMILIES: tuple[Family, ...] = (sd1.FAMILY, sd2.FAMILY)

BY_TEXT_WIDTH = {768: sd1.FAMILY.title, 1024: sd2.FAMILY.title, 2048: "Stable Diffusion XL"}
"""What a family is called whose cross-attention reads text of a width."""

FOREIGN = {  # a tensor by which a family that is not supported gives itself away
    "conditioner.embedders.1.model.ln_final.weight": "Stable Diffusion XL",
    "model.diffusion_model.label_emb.0.0.weight": "Stable Diffusion XL",
    "model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight": "Stable Diffusion 3",
    "model.diffusion_model.double_blocks.0.img_attn.qkv.weight": "Flux",
    "double_blocks.0.img_attn.qkv.weight": "Flux",
    "model.diffusion_model.blocks.0.cross_attn.k.weight": "Wan",
    "blocks.0.cross_attn.k.weight": "Wan",
    "model.diffusion_model.transformer_blocks.0.img_mlp.net.0.proj.weight": "Qwen-Image",
    "transformer_blocks.0.img_mlp.net.0.proj.weight": "Qwen-Image",
}
"""`label_emb` is also the mark of other UNets with a class embedding; none of them is supported either."""
