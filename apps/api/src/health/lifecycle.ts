/** Whether the process still takes work. */
export class Lifecycle {
  draining = false;
}
