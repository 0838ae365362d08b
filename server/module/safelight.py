"""Safelight from Python.

import safelight

workflow = safelight.load("workflows/text_to_image.json")
picture, = workflow.run(prompt="a red circle on a white background", seed=3)
picture.save("circle.png")
"""

from server.scripting import Pictures, Workflow, WorkflowError, load

__all__ = ["Pictures", "Workflow", "WorkflowError", "load"]
