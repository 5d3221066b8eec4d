// Light, noise and tone that skin and strands share.
uniform vec3 key_dir, key_col, eye, fill_dir, fill_col, rim_dir, rim_col;
uniform vec3 ambient_col[6];  // from +x, -x, +y, -y, +z, -z
uniform sampler2DShadow shadow;
uniform mat4 light_view;
uniform float toon;    // 1: flat bands instead of smooth light
uniform float detail;  // 1: show what is smaller than a pixel of a small picture

vec3 ambient(vec3 n) {
    vec3 q = n * n;
    return q.x * ambient_col[n.x > 0. ? 0 : 1] + q.y * ambient_col[n.y > 0. ? 2 : 3]
         + q.z * ambient_col[n.z > 0. ? 4 : 5];
}

// Share of the key light that reaches p: percentage-closer filtering over five taps.
float lit(vec3 p, vec3 n, float offset) {
    vec4 q = light_view * vec4(p + n * offset, 1.);
    vec3 s = q.xyz / q.w * .5 + .5;
    s.z -= .0015;
    const float d = .005;
    return .2 * (texture(shadow, s) + texture(shadow, s + vec3(d, .4 * d, 0)) + texture(shadow, s + vec3(-.4 * d, d, 0))
               + texture(shadow, s + vec3(-d, -.4 * d, 0)) + texture(shadow, s + vec3(.4 * d, -d, 0)));
}

float hash(vec3 p) {
    p = fract(p * .3183099 + .1) * 17.;
    return fract(p.x * p.y * p.z * (p.x + p.y + p.z));
}

float noise(vec3 x) {
    vec3 i = floor(x), f = fract(x);
    f = f * f * (3. - 2. * f);
    return mix(mix(mix(hash(i), hash(i + vec3(1, 0, 0)), f.x),
                   mix(hash(i + vec3(0, 1, 0)), hash(i + vec3(1, 1, 0)), f.x), f.y),
               mix(mix(hash(i + vec3(0, 0, 1)), hash(i + vec3(1, 0, 1)), f.x),
                   mix(hash(i + vec3(0, 1, 1)), hash(i + vec3(1, 1, 1)), f.x), f.y), f.z);
}

float gauss(vec2 d, vec2 s) {
    vec2 q = d / s;
    return exp(-dot(q, q));
}

vec3 linear_of(vec3 c) { return c * c * (.3 * c + .7); }  // sRGB's curve, near enough and without pow

// Reinhard's extended curve (E. Reinhard et al., "Photographic Tone Reproduction", 2002, eq. 4): nothing a face
// reflects reaches white.
vec3 display(vec3 c) {
    c = max(c, 0.) * 1.3;
    return pow(c * (1. + c / 14.) / (1. + c), vec3(1. / 2.2));
}

// Two steps instead of a ramp.
float banded(float x) { return mix(x, .30 + .45 * step(.28, x) + .25 * step(.68, x), toon); }
