"""What the dashboards share around their panels: variables, links, rows."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from .panels import DATASOURCE

FAILED, WARM, EVEN, CALM, WHY = (
    "Is anyone failed?",
    "Is it warm?",
    "Is it even?",
    "Is it calm?",
    "Why not?",
)

# Title of each dashboard by the end of its uid, in the order of the links.
TITLES = {
    "fleet": "Emberkeep / Fleet",
    "target": "Emberkeep / Target",
    "assigner": "Emberkeep / Assigner",
    "clerk": "Emberkeep / Clerk",
}

# Dashboards that show one target at a time; links between them keep it.
OF_ONE_TARGET = ("target", "clerk")


def uid(name: str) -> str:
    """The stable identity of a dashboard, which links contain."""
    return f"emberkeep-{name}"


def frame(name: str, description: str) -> dashboard.Dashboard:
    """A dashboard without panels."""
    board = dashboard.Dashboard(TITLES[name]).uid(uid(name)).description(description).tags(["emberkeep"])
    board = board.time("now-1h", "now").refresh("10s").timezone("browser").readonly()
    board = board.tooltip(model.DashboardCursorSync.CROSSHAIR).with_variable(_datasource())
    for other in TITLES:
        if other != name:
            board = board.link(_link(name, other))
    return board


def _datasource() -> dashboard.DatasourceVariable:
    variable = dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    return variable.description("The Prometheus server that scrapes the cluster")


def _link(name: str, other: str) -> dashboard.DashboardLink:
    keeps_target = name in OF_ONE_TARGET and other in OF_ONE_TARGET
    variables = "${datasource:queryparam}" + ("&${target:queryparam}" if keeps_target else "")
    link = dashboard.DashboardLink(TITLES[other].removeprefix("Emberkeep / "))
    link = link.type(model.DashboardLinkType.LINK).icon("dashboard").tooltip(f"Open {TITLES[other]}")
    return link.url(f"/d/{uid(other)}?{variables}").keep_time(True)


def choice(name: str, label: str, query: str, description: str, several: bool) -> dashboard.QueryVariable:
    """A variable whose values are those of a label."""
    variable = dashboard.QueryVariable(name).label(label).query(query).datasource(DATASOURCE)
    variable = variable.description(description).refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    variable = variable.sort(model.VariableSort.ALPHABETICAL_ASC).multi(several).include_all(several)
    if not several:
        return variable
    everything = model.VariableOption(selected=True, text="All", value="$__all")
    return variable.all_value(".*").current(everything)


def target(several: bool) -> dashboard.QueryVariable:
    """The target or targets that the panels show."""
    query = "label_values(emberkeep_assigner_slices, target)"
    return choice("target", "Target", query, "The sharded service", several)


def row(board: dashboard.Dashboard, question: str, *panels) -> None:
    """A row that asks, and the panels that answer; their widths fill whole lines of 24."""
    board.with_row(dashboard.Row(question))
    for panel in panels:
        board.with_panel(panel)
