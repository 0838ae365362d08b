"""Built-in nodes have the names, orders and defaults that existing workflows count on."""

import importlib
import subprocess
import sys

import pytest

import nodes
from engine.node import Node
from engine.spec import MISSING
from engine.types import Socket

FLOATS = {
    "KSampler": {"cfg": (0, 100, 0.1), "denoise": (0, 1, 0.01)},
    "LoraLoader": {"strength_model": (-100, 100, 0.01), "strength_clip": (-100, 100, 0.01)},
    "ModelSamplingAuraFlow": {"shift": (0, 100, 0.01)},
    "LatentUpscaleBy": {"scale_by": (0.01, 8, 0.01)},
    "ConditioningSetTimestepRange": {"start": (0, 1, 0.001)},
}
INTEGERS = {
    "KSampler": {"seed": (0, 2**64 - 1, None), "steps": (1, 10_000, None)},
    "KSamplerAdvanced": {"end_at_step": (0, 10_000, None)},
    "EmptySD3LatentImage": {"width": (16, 16_384, 16), "height": (16, 16_384, 16)},
    "EmptyLatentImage": {"width": (16, 16_384, 8), "height": (16, 16_384, 8)},
    "ConditioningSetArea": {"width": (64, 16_384, 8), "x": (0, 16_384, 8)},
    "CLIPSetLastLayer": {"stop_at_clip_layer": (-24, -1, None)},
    "VAEEncodeForInpaint": {"grow_mask_by": (0, 64, None)},
}
SIGNATURES = """
CheckpointLoaderSimple(ckpt_name:COMBO) -> MODEL, CLIP, VAE
VAELoader(vae_name:COMBO) -> VAE
ImageOnlyCheckpointLoader(ckpt_name:COMBO) -> MODEL, CLIP_VISION, VAE
UNETLoader(unet_name:COMBO, weight_dtype:COMBO) -> MODEL
CLIPLoader(clip_name:COMBO, type:COMBO, device:COMBO='default') -> CLIP
ControlNetLoader(control_net_name:COMBO) -> CONTROL_NET
StyleModelLoader(style_model_name:COMBO) -> STYLE_MODEL
GLIGENLoader(gligen_name:COMBO) -> GLIGEN
UpscaleModelLoader(model_name:COMBO) -> UPSCALE_MODEL
LoraLoader(model:MODEL, clip:CLIP, lora_name:COMBO, strength_model:FLOAT=1.0, \
strength_clip:FLOAT=1.0) -> MODEL, CLIP
LoraLoaderModelOnly(model:MODEL, lora_name:COMBO, strength_model:FLOAT=1.0) -> MODEL
CLIPTextEncode(text:STRING, clip:CLIP) -> CONDITIONING
CLIPSetLastLayer(clip:CLIP, stop_at_clip_layer:INT=-1) -> CLIP
ConditioningCombine(conditioning_1:CONDITIONING, conditioning_2:CONDITIONING) -> CONDITIONING
ConditioningAverage(conditioning_to:CONDITIONING, conditioning_from:CONDITIONING, \
conditioning_to_strength:FLOAT=1.0) -> CONDITIONING
ConditioningConcat(conditioning_to:CONDITIONING, conditioning_from:CONDITIONING) -> CONDITIONING
ConditioningSetArea(conditioning:CONDITIONING, width:INT=64, height:INT=64, x:INT=0, y:INT=0, \
strength:FLOAT=1.0) -> CONDITIONING
ConditioningSetAreaPercentage(conditioning:CONDITIONING, width:FLOAT=1.0, height:FLOAT=1.0, x:FLOAT=0.0, \
y:FLOAT=0.0, strength:FLOAT=1.0) -> CONDITIONING
ConditioningSetMask(conditioning:CONDITIONING, mask:MASK, strength:FLOAT=1.0, \
set_cond_area:COMBO) -> CONDITIONING
ConditioningSetTimestepRange(conditioning:CONDITIONING, start:FLOAT=0.0, end:FLOAT=1.0) -> CONDITIONING
ConditioningZeroOut(conditioning:CONDITIONING) -> CONDITIONING
EmptyLatentImage(width:INT=512, height:INT=512, batch_size:INT=1) -> LATENT
EmptySD3LatentImage(width:INT=1024, height:INT=1024, batch_size:INT=1) -> LATENT
SetLatentNoiseMask(samples:LATENT, mask:MASK) -> LATENT
LatentUpscale(samples:LATENT, upscale_method:COMBO, width:INT=512, height:INT=512, crop:COMBO) -> LATENT
LatentUpscaleBy(samples:LATENT, upscale_method:COMBO, scale_by:FLOAT=1.5) -> LATENT
LatentFromBatch(samples:LATENT, batch_index:INT=0, length:INT=1) -> LATENT
RepeatLatentBatch(samples:LATENT, amount:INT=1) -> LATENT
SaveLatent(samples:LATENT, filename_prefix:STRING='latents/ComfyUI') -> () [out]
LoadLatent(latent:COMBO) -> LATENT
KSampler(model:MODEL, seed:INT=0, steps:INT=20, cfg:FLOAT=8.0, sampler_name:COMBO, scheduler:COMBO, \
positive:CONDITIONING, negative:CONDITIONING, latent_image:LATENT, denoise:FLOAT=1.0) -> LATENT
KSamplerAdvanced(model:MODEL, add_noise:COMBO, noise_seed:INT=0, steps:INT=20, cfg:FLOAT=8.0, \
sampler_name:COMBO, scheduler:COMBO, positive:CONDITIONING, negative:CONDITIONING, latent_image:LATENT, \
start_at_step:INT=0, end_at_step:INT=10000, return_with_leftover_noise:COMBO) -> LATENT
ModelSamplingAuraFlow(model:MODEL, shift:FLOAT=1.73) -> MODEL
VAEDecode(samples:LATENT, vae:VAE) -> IMAGE
VAEEncode(pixels:IMAGE, vae:VAE) -> LATENT
VAEEncodeForInpaint(pixels:IMAGE, vae:VAE, mask:MASK, grow_mask_by:INT=6) -> LATENT
LoadImage(image:COMBO) -> IMAGE, MASK
LoadImageMask(image:COMBO, channel:COMBO) -> MASK
SaveImage(images:IMAGE, filename_prefix:STRING='ComfyUI') -> images:IMAGE [out]
PreviewImage(images:IMAGE) -> images:IMAGE [out]
EmptyImage(width:INT=512, height:INT=512, batch_size:INT=1, color:INT=0) -> IMAGE
ImageScale(image:IMAGE, upscale_method:COMBO, width:INT=512, height:INT=512, crop:COMBO) -> IMAGE
ImageScaleBy(image:IMAGE, upscale_method:COMBO, scale_by:FLOAT=1.0) -> IMAGE
ImageInvert(image:IMAGE) -> IMAGE
ImageUpscaleWithModel(upscale_model:UPSCALE_MODEL, image:IMAGE) -> IMAGE
ImageBatch(image1:IMAGE, image2:IMAGE) -> IMAGE
GetImageSize(image:IMAGE) -> width:INT, height:INT, batch_size:INT
SolidMask(value:FLOAT=1.0, width:INT=512, height:INT=512) -> MASK
InvertMask(mask:MASK) -> MASK
MaskComposite(destination:MASK, source:MASK, x:INT=0, y:INT=0, operation:COMBO) -> MASK
FeatherMask(mask:MASK, left:INT=0, top:INT=0, right:INT=0, bottom:INT=0) -> MASK
MaskToImage(mask:MASK) -> IMAGE
ImageToMask(image:IMAGE, channel:COMBO) -> MASK
PrimitiveInt(value:INT) -> INT
PrimitiveFloat(value:FLOAT) -> FLOAT
PrimitiveString(value:STRING) -> STRING
PrimitiveStringMultiline(value:STRING) -> STRING
PrimitiveBoolean(value:BOOLEAN) -> BOOLEAN
ComfySwitchNode(on_false:*, on_true:*, switch:BOOLEAN) -> output:*
""".strip().splitlines()


def builtin() -> dict[str, Node[..., object]]:
    modules = [importlib.import_module(name) for name in nodes.MODULES]
    found = [each for module in modules for each in vars(module).values() if isinstance(each, Node)]
    return {each.spec.class_type: each for each in found}


def written(node: Node[..., object]) -> str:
    """A node's signature in the notation of the table."""

    def named(name: str, socket: Socket) -> str:
        return socket.wire if name == socket.wire else f"{name}:{socket.wire}"

    spec = node.spec
    inputs = [
        named(name, each.socket) + ("" if each.default is MISSING else f"={each.default!r}")
        for name, each in spec.inputs.items()
    ]
    outputs = ", ".join(named(each.name, each.socket) for each in spec.outputs) or "()"
    return f"{spec.class_type}({', '.join(inputs)}) -> {outputs}" + (" [out]" if spec.output_node else "")


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda line: line.partition("(")[0])
def test_a_node_is_as_the_table_says(signature: str) -> None:
    assert written(builtin()[signature.partition("(")[0]]) == signature


@pytest.mark.parametrize("table", [FLOATS, INTEGERS])
def test_numbers_are_bounded_as_users_know_them(table: dict[str, dict[str, tuple[float, ...]]]) -> None:
    for class_type, bounds in table.items():
        for name, expected in bounds.items():
            given = builtin()[class_type].spec.inputs[name]
            assert (given.ge, given.le, given.step) == expected


def test_every_node_says_what_it_does() -> None:
    for each in builtin().values():
        assert each.spec.description.endswith(".")


def test_listing_all_nodes_imports_no_heavy_library() -> None:
    heavy = ["torch", "diffusers", "transformers", "PIL", "numpy", "safetensors"]
    code = f"import sys, nodes, importlib; [importlib.import_module(m) for m in nodes.MODULES]; \
             nodes.profile('cpu'); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
