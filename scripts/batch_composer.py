"""Document 000's batch composer: by a model, or by rules. `harness plan --write plan.json [--by model]` is the command.

    from batch_composer import compose_batch_plan, compose_batch_plan_simple

The document asks "gpt-4.1"; sessions here are Claude Code's, so the model is one of these, and any other is refused.
"""

from typing import Any

from harness.cli.named_prompt import prompt
from harness.planning.compose import compose_batch_plan_simple

__all__ = ["compose_batch_plan", "compose_batch_plan_simple"]


async def compose_batch_plan(
    strategy: dict[str, Any],
    icp_config: dict[str, Any],
    industry_context: dict[str, Any],
    research_context: dict[str, Any],
    model: str = "sonnet",
) -> dict[str, Any]:
    """Plan batch execution based on configs: `{"batch_plan": {...}}`.

    The answer is the model's: `harness.job.batch_plan.read_plan` says what is wrong with it, and `harness plan --write
    FILE --by model` also holds it against the leads.
    """
    plan: dict[str, Any] = await prompt(
        "batch-composer",
        variables={
            "strategy": strategy,
            "icp_config": icp_config,
            "industry_context": industry_context,
            "research_context": research_context,
        },
        model=model,
    )
    return plan
