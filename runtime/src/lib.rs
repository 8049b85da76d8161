//! What the hands of several roles share: clock, driver loop, channels, the watch.
