"""WECHSEL Lab: ``streamlit run app.py``."""

import streamlit as st

from ui import state, tour
from ui.figures import tab_icon

# An icon of our own: a page's material icon would have the browser fetch one from elsewhere.
st.set_page_config(page_title="WECHSEL Lab", page_icon=tab_icon(), layout="wide")
state.frame()
page = st.navigation(
    {
        "": [
            st.Page("pages/overview.py", title="Overview", icon=":material/home:", url_path="overview", default=True),
        ],
        "Transfer": [
            st.Page("pages/initialise.py", title="Initialise", icon=":material/swap_horiz:", url_path="initialise"),
            st.Page("pages/neighbours.py", title="Neighbours", icon=":material/hub:", url_path="neighbours"),
            st.Page("pages/map.py", title="Map", icon=":material/scatter_plot:", url_path="map"),
            st.Page("pages/compare.py", title="Compare", icon=":material/compare:", url_path="compare"),
            st.Page("pages/health.py", title="Health", icon=":material/monitor_heart:", url_path="health"),
            st.Page("pages/sentence.py", title="Sentence", icon=":material/translate:", url_path="sentence"),
            st.Page("pages/try_it.py", title="Try it", icon=":material/edit_note:", url_path="try_it"),
        ],
        "Training": [
            st.Page(
                "pages/pretraining.py", title="Pretraining", icon=":material/model_training:", url_path="pretraining"
            ),
            st.Page("pages/runs.py", title="Runs", icon=":material/list_alt:", url_path="runs"),
            st.Page("pages/curves.py", title="Curves", icon=":material/show_chart:", url_path="curves"),
            st.Page("pages/race.py", title="Race", icon=":material/flag:", url_path="race"),
        ],
    }
)
tour.banner()
page.run()
