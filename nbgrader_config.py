"""nbgrader's settings, for its commands run from this folder: `nbgrader generate_assignment affine --create`.

The homework sources are solutions/, the releases exercises/ (made and executed by `handgrad sync`).
All that belongs to a class lies under grading/, which git ignores: grading/submitted/STUDENT/affine/affine.ipynb.
"""

import os
import sys
from pathlib import Path

from handgrad.homework.sync import CODE_STUB

grading = Path(__file__).resolve().parent / "grading"
grading.mkdir(exist_ok=True)  # the gradebook is not made in a folder that does not exist

# nbgrader calls alembic by its bare name, which is found only where the environment is activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

c = get_config()  # noqa: F821 - nbgrader puts it there
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = "grading/submitted"
c.CourseDirectory.autograded_directory = "grading/autograded"
c.CourseDirectory.feedback_directory = "grading/feedback"
c.CourseDirectory.db_url = f"sqlite:///{(grading / 'gradebook.db').as_posix()}"
c.ClearSolutions.code_stub = {"python": CODE_STUB}
