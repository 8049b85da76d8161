"""The kinds of panels, with the looks that all dashboards share.

Each panel has a unit, and a description that begins with the question which it answers.
"""

from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")

# HIDDEN is the base of a lower limit, which is drawn as a line in the colour of what is above its value.
GOOD, WARN, BAD, HIDDEN = "green", "orange", "red", "transparent"

# The top of an axis whose values are all zero; without it the axis ends at 100.
AXIS_OF_ZEROS = {"reqps": 0.1, "short": 1, "Bps": 1024}

# A fixed colour for each cause of a move: cold colours follow a change of pods or an order, warm ones are for balance.
CAUSE_COLOURS = {
    "missing": "dark-red",
    "replaced": "blue",
    "draining": "light-blue",
    "joined": "dark-blue",
    "pinned": "purple",
    "memory": "dark-purple",
    "hot": "dark-orange",
    "imbalance": "yellow",
    "merged": "dark-yellow",
}


@dataclass
class Series:
    """A query and the name of its series."""

    expr: str
    legend: str


@dataclass
class Look:
    """How a graph of series is drawn.

    `minimum` and `maximum` widen the axis to a usual range; `steps` are thresholds, drawn as dashed lines; `dashed` is a
    regular expression of series that are limits; `has_values` adds the last values to the legend.
    """

    unit: str
    asks: str
    steps: list = field(default_factory=list)
    stacked: bool = False
    as_bars: bool = False
    minimum: float | None = 0
    maximum: float | None = None
    label: str = ""
    empty: str = ""
    colours: dict = field(default_factory=dict)
    dashed: str = ""
    decimals: int | None = None
    has_values: bool = False


def steps(*limits: tuple) -> dashboard.ThresholdsConfig:
    """Thresholds: a base colour, then pairs of the lowest value and its colour."""
    base, *others = limits
    colours = [model.Threshold(value=None, color=base)]
    colours += [model.Threshold(value=value, color=colour) for value, colour in others]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(colours)


def _query(series: Series, index: int, instant: bool = False, as_table: bool = False):
    query = prometheus.Dataquery().ref_id(chr(ord("A") + index)).expr(series.expr).legend_format(series.legend)
    query = query.datasource(DATASOURCE)
    query = query.instant() if instant else query.range()
    return query.format(PromQueryFormat.TABLE) if as_table else query


def _common(panel, title: str, asks: str, width: int, height: int):
    return panel.title(title).description(asks).datasource(DATASOURCE).span(width).height(height)


def number(title: str, asks: str, expr: str, limits: tuple, unit: str = "short", width: int = 4, **more):
    """One figure in the colour of its state, as it is now."""
    height, names, empty = more.get("height", 4), more.get("names"), more.get("empty", "no data")
    panel = _common(stat.Panel(), title, asks, width, height)
    panel = panel.unit(unit).thresholds(steps(*limits)).no_value(empty)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    panel = panel.color_mode(looks.BigValueColorMode.BACKGROUND).graph_mode(looks.BigValueGraphMode.NONE)
    panel = panel.text_mode(more.get("text_mode", looks.BigValueTextMode.VALUE))
    panel = panel.justify_mode(looks.BigValueJustifyMode.CENTER)
    if more.get("decimals") is not None:
        panel = panel.decimals(more["decimals"])
    if names:
        options = {value: model.ValueMappingResult(text=text, index=i) for i, (value, text) in enumerate(names.items())}
        panel = panel.mappings([model.ValueMap(options=options)])
    return panel.with_target(_query(Series(expr, more.get("legend", title)), 0, instant=True))


def graph(title: str, look: Look, *series: Series, width: int = 12, height: int = 8):
    """Series over time, as lines or as stacked bars."""
    panel = _common(timeseries.Panel(), title, look.asks, width, height).unit(look.unit)
    panel = panel.draw_style(looks.GraphDrawStyle.BARS if look.as_bars else looks.GraphDrawStyle.LINE)
    panel = panel.line_width(1 if look.as_bars or look.stacked else 2).show_points(looks.VisibilityMode.NEVER)
    panel = panel.fill_opacity(70 if look.as_bars else 25 if look.stacked else 0).axis_label(look.label)
    panel = panel.span_nulls(60_000.0)
    if look.stacked:
        panel = panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))
    if look.minimum is not None:
        panel = panel.axis_soft_min(look.minimum)
    maximum = look.maximum if look.maximum is not None else AXIS_OF_ZEROS.get(look.unit)
    if maximum is not None:
        panel = panel.axis_soft_max(maximum)
    if look.decimals is not None:
        panel = panel.decimals(look.decimals)
    if look.empty:
        panel = panel.no_value(look.empty)
    if look.steps:
        style = common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(steps(*look.steps)).thresholds_style(style)
    panel = panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
    panel = panel.legend(_legend(look.has_values))
    tooltip = common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
    panel = panel.tooltip(tooltip)
    for name, colour in look.colours.items():
        value = {"mode": "fixed", "fixedColor": colour}
        panel = panel.override_by_name(name, [model.DynamicConfigValue(id_val="color", value=value)])
    if look.dashed:
        panel = panel.override_by_regexp(look.dashed, _dashed())
    for index, one in enumerate(series):
        panel = panel.with_target(_query(one, index))
    return panel


def _legend(has_values: bool):
    legend = common.VizLegendOptions().show_legend(True).placement(looks.LegendPlacement.BOTTOM)
    return legend.display_mode(looks.LegendDisplayMode.LIST).calcs(["lastNotNull"] if has_values else [])


def _dashed() -> list:
    return [
        model.DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 6]}),
        model.DynamicConfigValue(id_val="custom.fillOpacity", value=0),
        model.DynamicConfigValue(id_val="custom.lineWidth", value=2),
    ]


@dataclass
class Column:
    """A column of a table: its query, its unit, and the colour of its cells.

    Bars of a column share their scale with those of the other columns, unless it has its own.
    """

    name: str
    expr: str
    unit: str = "short"
    limits: tuple = ()
    as_gauge: bool = False
    has_own_scale: bool = False
    decimals: int | None = None


def listing(title: str, asks: str, labels: dict, columns: list, width: int = 24, height: int = 8, **more):
    """A table with a row for each value of the labels, and a column for each query."""
    panel = _common(table.Panel(), title, asks, width, height).unit("short")
    for index, column in enumerate(columns):
        panel = panel.with_target(_query(Series(column.expr, column.name), index, instant=True, as_table=True))
        panel = panel.override_by_name(column.name, _cells(column))
    names = {f"Value #{chr(ord('A') + index)}": column.name for index, column in enumerate(columns)}
    order = {name: index for index, name in enumerate([*labels, *names])}
    options = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": {**labels, **names}}
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=options))
    if more.get("link"):
        label, text, url = more["link"]
        link = [{"title": text, "url": url}]
        panel = panel.override_by_name(label, [model.DynamicConfigValue(id_val="links", value=link)])
    if more.get("sort"):
        panel = panel.sort_by([common.TableSortByFieldState().display_name(more["sort"]).desc(True)])
    if more.get("empty"):
        panel = panel.no_value(more["empty"])
    return panel


def _cells(column: Column) -> list:
    cells = [model.DynamicConfigValue(id_val="unit", value=column.unit)]
    if column.decimals is not None:
        cells.append(model.DynamicConfigValue(id_val="decimals", value=column.decimals))
    if column.limits:
        base, *others = column.limits
        levels = [{"value": None, "color": base}] + [{"value": value, "color": colour} for value, colour in others]
        cells.append(model.DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": levels}))
    if column.as_gauge:
        cells.append(model.DynamicConfigValue(id_val="min", value=0))
        cells.append(model.DynamicConfigValue(id_val="fieldMinMax", value=column.has_own_scale))
        cells.append(model.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": "blue"}))
        kind = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
        cells.append(model.DynamicConfigValue(id_val="custom.cellOptions", value=kind))
    elif column.limits:
        kind = {"type": "color-text"}
        cells.append(model.DynamicConfigValue(id_val="custom.cellOptions", value=kind))
    return cells
