"""Made-up topics, for the rehearsal and for the program that stands in for a model. Nothing of it was ever read."""

import re
import zlib
from typing import Any

EACH = 15
"""Topics of one source."""
SOURCES = ("reddit", "perplexity", "tubelab", "apify")
TITLES = (
    "Shipping rates rise on Monday",
    "Margins after the fee change",
    "A checkout with one field less",
    "Ads without cookies",
    "Stock for the last week of the year",
    "Loyalty points nobody uses",
    "A supplier close to home",
    "An app for returns",
    "A warehouse that closes at noon",
    "Raise prices once, not twice",
    "Conversion on small screens",
    "A campaign for ten dollars a day",
    "Inventory counts by phone",
    "Repeat orders after thirty days",
    "Tariff changes in spring",
    "Marketplace fees compared",
    "Freight from the west coast is late again",
    "Pricing in round numbers",
    "Abandoned cart mails that work",
    "Influencer contracts in plain words",
    "A stockout costs more than you think",
    "Churn in the second month",
    "Factory visits by video",
    "A plugin that slows the shop",
    "Same-day delivery for small shops",
    "What profit is left on a mug",
    "A landing page for each ad group",
    "Marketing to people who left",
    "Forecast by last year's weeks",
    "Subscription boxes that stay",
    "Sourcing samples for less",
    "The integration that broke",
    "Which carrier loses the fewest parcels",
    "Bundles and their margin",
    "Conversions from reviews",
    "Search ads for one product",
    "Restock alerts for buyers",
    "Retention mails worth reading",
    "Two suppliers for every part",
    "Moving to another platform",
    "Logistics for heavy goods",
    "Price tests without tears",
    "The cart that remembers",
    "Advertising on maps",
    "Dead stock and what to do",
    "The second order",
    "Sourcing small lots",
    "Which app do you really need",
    "Free shipping above 50 dollars",
    "Prices that end in nine",
    "Checkout in the buyer's language",
    "An ad that says the price",
    "Inventory in two countries",
    "Loyalty without discounts",
    "Plugin updates on Fridays",
    "Delivery promises that sell",
    "A margin sheet that fits on a page",
    "Landing page speed and sales",
    "Campaign names that help later",
    "A forecast for new products",
)


def topics_of(source: str, name: str) -> list[dict[str, Any]]:
    """The topics that this source has: every fourth title, with a score between 1 and 10."""
    first = SOURCES.index(source) if source in SOURCES else 0
    return [
        {
            "id": f"{source}-{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')}",
            "title": title,
            "outlier_score": 1 + zlib.crc32(title.encode()) % 91 / 10,
            "source": name,
            "url": f"https://rehearsal.invalid/{source}/{number}",
        }
        for number, title in enumerate(TITLES[first :: len(SOURCES)][:EACH], 1)
    ]


def newsletter(id_: str, title: str, source: str) -> dict[str, str]:
    """A record of the phase newsletters."""
    body = f"{title}. It came up at {source}. This week: look at your own figures, and change one thing."
    return {"id": id_, "title": title, "subject": title[:80], "body": body}
