layout(location = 0) out vec4 colour;
layout(location = 1) out float kind;
in vec3 P, T, N;
in vec4 A;
uniform vec3 root_col, tip_col;
uniform float number, gloss, solid;  // class, strength of the highlights, 1 for a frame of glasses

// Kajiya-Kay with the two shifted lobes of T. Scheuermann, "Practical Real-Time Hair Rendering", 2004.
void main() {
    vec3 t = normalize(T), v = normalize(eye - P), n = normalize(N);
    float chance = fract(A.w * 7.31), edge = abs(A.x);
    vec3 albedo = linear_of(mix(root_col, tip_col, clamp(chance * .6 + A.z * .4, 0., 1.)));
    albedo *= mix(.75 + .5 * fract(A.w * 3.7), 1., solid);
    n = normalize(n + .55 * (v - t * dot(v, t)) * (1. - edge));
    float sun = solid > .5 ? 1. : lit(P, n, .006);
    float nl = dot(n, key_dir);
    float open = mix(mix(.30, 1., smoothstep(0., .6, A.z)) * mix(1., .75, edge), 1., solid);
    if (toon > .5) {
        float band = banded(clamp((nl * .5 + .5) * mix(.55, 1., sun), 0., 1.));
        albedo = linear_of(mix(root_col, tip_col, .25 + .25 * step(.6, chance)));
        colour = vec4(display(albedo * (key_col * band * .9 + ambient(n) * .8)), 1.);
    } else {
        vec3 c = albedo * (key_col * max((nl + .3) / 1.3, 0.) * mix(.12, 1., sun) + ambient(n)
                 + fill_col * max((dot(n, fill_dir) + .3) / 1.3, 0.)) * open;
        vec3 h = normalize(key_dir + v);
        float first = dot(normalize(t + n * (.12 + .15 * (chance - .5))), h), second = dot(normalize(t - n * .12), h);
        float lobe = pow(max(1. - first * first, 0.), 60.) * .45, glow = pow(max(1. - second * second, 0.), 14.) * .35;
        c += key_col * gloss * ((vec3(.03) + .45 * sqrt(albedo)) * lobe + albedo * 1.6 * glow)
           * max(nl + .2, 0.) * sun * open;
        c += rim_col * albedo * 3. * pow(1. - max(dot(n, v), 0.), 3.) * max(dot(n, rim_dir), 0.) * (1. - solid);
        colour = vec4(display(c), 1.);
    }
    kind = number / 255.;
}
