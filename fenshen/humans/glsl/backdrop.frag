layout(location = 0) out vec4 colour;
layout(location = 1) out float kind;
in vec2 place;
uniform vec3 centre_col, edge_col;
uniform vec2 bright;
uniform float toon;

void main() {
    float d = smoothstep(.0, 1.7, length((place - bright) * .8));
    colour = vec4(mix(centre_col, edge_col, mix(d, floor(d * 4. + .5) / 4., toon)), 1.);
    kind = 0.;
}
