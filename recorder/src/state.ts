/** What the recorder is doing. */
export type State =
  /** Not started. */
  | "idle"
  /** Recording into memory until the project's configuration says whether to keep it. */
  | "starting"
  /** Recording and uploading. */
  | "recording"
  /** Waiting for the visitor, who has been away or whose session has reached its full length. */
  | "paused"
  /** This session is not recorded. */
  | "not-sampled"
  /** Ended by the page, or because the edge does not want this page's uploads or cannot be reached. */
  | "stopped"
  /** Ended by a defect of the recorder. */
  | "error";

/** A change of state, or an error that did not change it. */
export interface StateChange {
  readonly state: State;
  /** A word for programs, such as `page`, `rate`, `unknown_key`, `unreachable`, `inactive`, `failure`. */
  readonly reason: string;
  /** What was thrown, where an error is the reason. */
  readonly error?: unknown;
}
