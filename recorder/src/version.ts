/** Name and version of this recorder, as `sdk` in upload headers and in `tapedeck.session`. */
export const SDK = "tapedeck-recorder/0.1.0";
