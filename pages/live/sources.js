// Where frames come from: a camera, or a video file or pictures in its place. None of it leaves the browser here.

const SHOWN_SECONDS = 1.2, LEARNT_SECONDS = 0.4; // for which each of several pictures is shown
const ASKED = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "none", DevicesNotFoundError: "none", NotReadableError: "in_use", TrackStartError: "in_use", OverconstrainedError: "none" };

class Source {
  // `lost(why)` is called when it ends by itself: why is a key of the words.
  constructor(video, lost) {
    Object.assign(this, { video, lost });
    this.images = [];
    this.stream = null;
    this.kind = null;
    this.seconds = SHOWN_SECONDS;
  }

  get ready() {
    return this.kind === "pictures" ? this.images.length > 0 : this.kind !== null && this.video.readyState >= 2;
  }

  get size() {
    const image = this.picture;
    return image ? [image.naturalWidth, image.naturalHeight] : [this.video.videoWidth, this.video.videoHeight];
  }

  get picture() {
    return this.kind === "pictures" ? this.images[this.at % this.images.length] : null;
  }

  // Go on to the next picture when it is time.
  turn() {
    if (this.kind !== "pictures" || performance.now() < this.since + 1000 * this.seconds) return;
    this.at += 1;
    this.since = performance.now();
  }

  // Open a camera and return null, or why there is none.
  async camera(device, height) {
    this.close();
    if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) return "insecure";
    const opening = (this.opening = Symbol("camera"));
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { deviceId: device ? { exact: device } : undefined, height: { ideal: height }, frameRate: { ideal: 30 } } });
      if (this.opening !== opening) {
        for (const track of stream.getTracks()) track.stop();
        return null;
      }
      this.stream = stream;
      for (const track of stream.getVideoTracks()) track.addEventListener("ended", () => this.stream === stream && this.gone());
      this.video.srcObject = stream;
      this.video.loop = false;
      await this.video.play();
      this.kind = "camera";
      return null;
    } catch (error) {
      if (this.opening !== opening) return null; // another one was opened meanwhile
      this.close();
      return ASKED[error.name] ?? "failed";
    }
  }

  async file(file) {
    this.close();
    this.video.src = this.url = URL.createObjectURL(file);
    this.video.loop = true;
    try {
      await this.video.play();
    } catch {
      this.close();
      return "no_video";
    }
    this.kind = "video";
    return null;
  }

  async pictures(files) {
    this.close();
    const sorted = [...files].filter((file) => file.type.startsWith("image/")).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true })).slice(0, 200);
    const images = await Promise.all(sorted.map(async (file) => {
      const image = new Image(), url = URL.createObjectURL(file);
      image.src = url;
      try {
        await image.decode();
        return image;
      } catch {
        return null;
      } finally {
        URL.revokeObjectURL(url);
      }
    }));
    this.images = images.filter(Boolean);
    if (!this.images.length) return "no_pictures";
    this.kind = "pictures";
    this.at = 0;
    this.since = performance.now();
    return null;
  }

  // Cameras by name: known only after one was allowed.
  async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    return all.filter((device) => device.kind === "videoinput" && device.deviceId).map(({ deviceId, label }, i) => ({ id: deviceId, title: label || String(i + 1) }));
  }

  get device() {
    return this.stream?.getVideoTracks()[0]?.getSettings().deviceId ?? "";
  }

  gone() {
    this.close();
    this.lost("gone");
  }

  close() {
    this.opening = null;
    this.kind = null;
    this.images = [];
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
    this.video.removeAttribute("src");
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
  }

  // Draw the middle square onto a canvas.
  square(canvas) {
    const [width, height] = this.size, side = Math.min(width, height);
    canvas.getContext("2d").drawImage(this.picture ?? this.video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
  }
}

// A canvas as the bytes of a JPEG file. `toBlob` waits for an idle browser, which an open camera never is.
function jpegOf(canvas) {
  const written = atob(canvas.toDataURL("image/jpeg", 0.88).split(",", 2)[1]);
  return Uint8Array.from(written, (letter) => letter.charCodeAt(0));
}
