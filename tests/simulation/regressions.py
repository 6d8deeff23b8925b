"""Nights that once broke a promise, shrunk; each must hold for ever. The soak prints new ones."""

from decimal import Decimal

from tests.simulation.script import Script

REGRESSIONS: list[tuple[int, Script]] = [
    # An artifact whose name a killed run had not synced counted as stored, and was lost with the power.
    (
        220,
        Script(
            items=7,
            parallel=2,
            crash_rate=0.03,
            power_rate=0.5,
            fault_rates={
                "wrong": 0.1708583457044402,
                "missing": 0.14640458414776392,
                "mistaken": 0.11288710740811816,
                "crash": 0.1978784487348575,
                "cut": 0.12511279919998516,
                "write_then_crash": 0.10553358632986594,
            },
            poison={"i002": "refused"},
            calm_s=2958.8969364061118,
        ),
    ),
    # A phase that got something accepted out of a breakdown: the watcher took it for fruitless.
    (
        202611283495,
        Script(
            items=22,
            batch_size=6,
            parallel=2,
            fault_rates={"broken": 0.04356488120426519, "write_then_crash": 0.025561515180587937},
            poison={"i001": "silent", "i006": "silent", "i015": "silent", "i021": "refused"},
            calm_s=3994.0723639491325,
        ),
    ),
    # The third time in a row that a check raised counted, also when that session had broken down.
    (
        202612012365,
        Script(
            fault_rates={"write_then_crash": 0.02969371847092231},
            poison={"i000": "odd"},
            calm_s=791.2373557736648,
        ),
    ),
    # The same, when that session claimed a limit after a tool call: its word was lost in the broken check.
    (
        202612014397,
        Script(
            items=5,
            batch_size=3,
            parallel=2,
            budget=Decimal("3"),
            poison={"i000": "rejected", "i001": "odd", "i002": "rejected", "i003": "rejected", "i004": "rejected"},
            limits=((249.46965099630583, 855.6706223560396),),
            calm_s=2863.124390897869,
        ),
    ),
    # Resume lifted the hold in the ledger, but not the one that this job had told other jobs of.
    (
        65,
        Script(
            items=3,
            batch_size=2,
            parallel=2,
            poison={"i000": "refused"},
            limits=((151.53075959602958, 1118.18241311111),),
            full_disk=((57.92691445751004, 86.06372292897174),),
            asks=((765.3100003735483, "resume"),),
            calm_s=3550.399998151501,
        ),
    ),
    # The clock was set back a day, and the last start then lay a day ahead of the next.
    (
        1312,
        Script(
            items=3,
            parallel=2,
            fault_rates={"crash": 0.14050954386802078},
            limits=((105.92948613402795, 799.5307055022923),),
            jumps=((362.02560859234967, -86400.0),),
            asks=((1130.0098382873698, "resume"),),
            calm_s=1562.7286956072764,
        ),
    ),
    # What was noted while the progress file was being written was shown at the next event, whenever that came.
    (
        38,
        Script(
            items=12,
            batch_size=6,
            parallel=2,
            phases=3,
            makes_items=True,
            budget=Decimal("3"),
            asks=((167.4139714698341, "pause"), (401.2917686948921, "resume")),
            calm_s=2570.301153416483,
        ),
    ),
    # A hold that another job was told of was durable, but not the folders in which it lay.
    (
        650,
        Script(
            phases=2,
            window=("22:05", "23:00"),
            crash_rate=0.03,
            power_rate=0.5,
            other_jobs=((303.67785497141324, 735.3986662933794),),
            calm_s=897.759451842466,
        ),
    ),
    # A pilot's only batch made a check raise three times: the watcher held it against others that were not to run yet.
    (1345, Script(items=5, pilot=2, poison={"i000": "refused", "i004": "odd"}, calm_s=669.8528120843788)),
    # Killed as a resume lifted a hold: other jobs were still told of it, and so the next run began with a probe.
    (
        754,
        Script(
            phases=2,
            crash_rate=0.03,
            limits=((66.86281286471805, 1376.857115750254),),
            limit_stated="not",
            asks=((701.655767512762, "resume"),),
            calm_s=1862.816953974632,
        ),
    ),
    # The hold of another job was over and forgotten, then the clock was set back: the watcher took it for in force.
    (
        3518,
        Script(
            items=7,
            phases=2,
            stalls=((856.9214863980496, 1297.087809618951),),
            other_jobs=((200.40757337414198, 746.7873056855681),),
            jumps=((1267.81340725654, -3600.0),),
            calm_s=3140.0865549645355,
        ),
    ),
    # A second try without streaming was lost, and its loss taken for what was said of the broken answer before it.
    (202612012638, Script(budget=Decimal("40"), broken_answers=0.3, calm_s=3779.5968753003312)),
    # Launched again with the same check, a group that had stopped the run went before one that had raised earlier.
    (
        202612012618,
        Script(
            items=3,
            batch_size=2,
            parallel=2,
            poison={"i002": "odd", "i000": "odd", "i001": "odd"},
            limits=((34.781842373354046, 70.68630150928556),),
            calm_s=3229.090126039201,
        ),
    ),
    # A group in flight also ended with the check broken, after the run had been stopped by three others.
    (
        202612014384,
        Script(
            items=5,
            batch_size=2,
            parallel=2,
            poison={"i000": "rejected", "i001": "odd", "i002": "odd", "i003": "odd", "i004": "odd"},
            calm_s=724.0559944804506,
        ),
    ),
]
"""(seed, script)."""
