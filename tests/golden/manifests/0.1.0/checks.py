def counted(items, records, context):
    return {}


def check_translation(items, records, context):
    return {}


def check_decomposition(items, records, context):
    return {}


def check_baskets(items, records, context):
    return {}
