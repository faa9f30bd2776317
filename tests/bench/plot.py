"""Lines on logarithmic axes, as SVG."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT, EDGE = 640, 400, 60
COLORS = ('#1f77b4', '#d62728', '#2ca02c', '#9467bd')


def span(values):
    """The powers of ten around the values."""
    low = math.floor(math.log10(max(min(values), 1e-6)))
    high = math.ceil(math.log10(max(max(values), 1e-6)))
    return low, max(high, low + 1)


def lines(path, title, x_name, y_name, series):
    """series: {name: [(x, y), ...]}, all positive."""
    points = [p for line in series.values() for p in line]
    if not points:
        return
    x_low, x_high = span([x for x, _ in points])
    y_low, y_high = span([y for _, y in points])

    def place(x, y):
        return (EDGE + (math.log10(x) - x_low) / (x_high - x_low)
                * (WIDTH - 2 * EDGE),
                HEIGHT - EDGE - (math.log10(max(y, 1e-6)) - y_low)
                / (y_high - y_low) * (HEIGHT - 2 * EDGE))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{WIDTH / 2}" y="24" text-anchor="middle" '
           f'font-size="15">{escape(title)}</text>',
           f'<text x="{WIDTH / 2}" y="{HEIGHT - 16}" '
           f'text-anchor="middle">{escape(x_name)}</text>',
           f'<text x="16" y="{EDGE - 16}">{escape(y_name)}</text>']
    for power in range(x_low, x_high + 1):
        x, y = place(10 ** power, 10 ** y_low)
        out.append(f'<path d="M{x:.1f} {y:.1f}V{EDGE}" stroke="#ddd"/>'
                   f'<text x="{x:.1f}" y="{y + 16:.1f}" '
                   f'text-anchor="middle">{10 ** power:g}</text>')
    for power in range(y_low, y_high + 1):
        x, y = place(10 ** x_low, 10 ** power)
        out.append(f'<path d="M{x:.1f} {y:.1f}H{WIDTH - EDGE}" '
                   f'stroke="#ddd"/><text x="{x - 6:.1f}" y="{y + 4:.1f}" '
                   f'text-anchor="end">{10 ** power:g}</text>')
    for (name, line), color in zip(series.items(), COLORS):
        spots = [place(x, y) for x, y in line]
        out.append('<path fill="none" stroke-width="2" '
                   f'stroke="{color}" d="M'
                   + 'L'.join(f'{x:.1f} {y:.1f}' for x, y in spots) + '"/>')
        x, y = spots[-1]
        out.append(f'<text x="{x - 4:.1f}" y="{y - 8:.1f}" fill="{color}" '
                   f'text-anchor="end">{escape(name)}</text>')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('\n'.join(out) + '\n</svg>\n')
