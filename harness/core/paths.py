"""Plain paths under the name the upper rooms know; they live in base, where the loader of manifests needs them."""

from harness.base.paths import MISSING as MISSING
from harness.base.paths import Missing as Missing
from harness.base.paths import is_plain as is_plain
from harness.base.paths import read_path as read_path
