def overlaps(items, records, context):
    return {}
