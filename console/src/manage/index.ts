// The screens for who manages the box: a script of its own, so that who only watches does not wait for it.

import { deliveryScreen } from "./delivery";
import { deviceScreen } from "./device";
import { rulesScreen } from "./rules";

/** Each shows itself in an element, and gives what ends it. */
export const SCREENS = {
  delivery: deliveryScreen,
  device: deviceScreen,
  rules: rulesScreen,
};
